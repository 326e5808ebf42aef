"""The controller as a whole: settings, the calls it conducts, what happens after each, and its figures."""
