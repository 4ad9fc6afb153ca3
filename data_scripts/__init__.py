"""Scripts that turn public corpora, and two free speech synthesisers, into manifests."""
