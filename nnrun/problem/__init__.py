"""What is to be learned: problems that are drawn or read from a table, and a network's inputs."""
