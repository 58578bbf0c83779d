"""From what a person asks for to the commands that do it: plan, draft, preflight, execute, step."""
