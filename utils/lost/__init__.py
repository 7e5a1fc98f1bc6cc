"""What a repair hides: the text that is lost, said in words, in files and in the picture itself."""
