"""The domain: what to sample, how to read it, how it votes. Pure: no clock, network, queue or chance."""
