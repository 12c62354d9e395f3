"""Floor 5: learn models from data. Nothing at run time imports this."""
