"""Mission Control's pages, over real HTTP edges: a control plane and an identity provider of the tests' own."""
