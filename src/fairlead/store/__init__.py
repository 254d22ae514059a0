"""What is kept: the journal with its one writer, the tables made from it, and what people configure."""
