"""What a sweep found, for people: answers in words, figures, and one self-contained page."""
