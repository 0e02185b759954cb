"""What is asked: a task picks a layer of annotation and turns it into spans with labels."""
