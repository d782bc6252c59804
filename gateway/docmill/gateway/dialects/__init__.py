"""The REST surfaces the gateway speaks, one folder each."""
