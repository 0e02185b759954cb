"""What is asked: a task picks an annotation and turns it into spans with labels."""
