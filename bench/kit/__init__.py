"""What bench/run and bench/deadlock are made of. Python 3.11, standard library only."""
