"""routerkit: route every LLM call to the cheapest model that measurably does that kind of work."""
