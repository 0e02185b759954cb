"""What the project needs and its users do not: checked like the rest, in no wheel."""
