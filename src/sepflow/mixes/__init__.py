"""What a mixture is: recipes, plans, samples, and the examples that a training hears."""
