"""Room: a head in three dimensions.  Inside it is a small house of its own: model < render < fit < texture,
rig < export; a file imports only from rooms to the left."""
