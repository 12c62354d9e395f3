"""A photo store looked at once, by one machine or many, for every command that follows."""
