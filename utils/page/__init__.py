"""What a page is made of at full resolution, measured around a hole and continued through it."""
