"""The compiled engine: small networks at the speed of the processor, 32 of them side by side."""
