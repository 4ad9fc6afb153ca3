"""The recogniser behind HTTP: OpenAI's endpoints, live sessions, and a page that compares two models. Floor 5."""
