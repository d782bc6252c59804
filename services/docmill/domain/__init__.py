"""The words and rules of docmill: plain values, state machines, planning and retries. Standard library only."""
