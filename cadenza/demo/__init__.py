"""Three small challenge roots, made with `cadenza.synthetic`, and the command that runs them."""
