"""The command line: `ivr COMMAND`.  Each module is one command or a group of related ones."""
