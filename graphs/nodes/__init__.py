"""One file a node: a plain async function `(state, runtime) -> part of the state`."""
