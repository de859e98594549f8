"""The parts of the AWS stand-in, a file per job; ../standin.py puts them together."""
