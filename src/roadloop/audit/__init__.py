"""The record of who did what: only ever added to, each line sealed with the one before."""
