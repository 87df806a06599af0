"""Vertebroplasty and kyphoplasty: level, stability, trajectories, cement and their gates."""
