"""Understanding what callers say: worker processes behind `ivr.ports.Recogniser`."""
