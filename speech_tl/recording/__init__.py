"""Recording one person's voice: which sentences, the page that shows them, what is wrong with a clip, the manifest."""
