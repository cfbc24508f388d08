"""Scale `paper` in small: look-alikes of its corpora, and every rule of it, once (`make rehearse`)."""
