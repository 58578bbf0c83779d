"""What a person brings: a model's code by reference, its inputs as a spec; and what running it means, said before."""
