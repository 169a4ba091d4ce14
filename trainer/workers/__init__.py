"""Several processes that train one model together: who they are, how they meet and agree."""
