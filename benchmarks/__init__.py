"""What was measured, with the commands: README.md beside this."""
