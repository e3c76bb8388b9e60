"""The benchmark: Chorus against the same upstream calls made by one bare asyncio process."""
