"""`penstock doctor`: looks at one ecosystem as somebody called at night would, and says what to do about each thing."""
