"""What reaches outside: one implementation of every port per cloud."""
