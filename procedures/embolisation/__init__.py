"""What every treatment through the arteries shares: access, catheter positions, agents, injections, completion."""
