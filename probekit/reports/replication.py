"""Replication: what a paper asked, and how its replication differs, as lines of text."""

from __future__ import annotations

from probekit.replications.replicated import Replicated


def heading_lines(replicated: Replicated) -> list[str]:
    """The paper, and what it asked; none where the record is missing."""
    paper = replicated.paper
    if not paper:
        return []
    return [f"{paper['citation']}: {paper['title']}, {paper['url']}", paper["question"]]


def difference_lines(replicated: Replicated) -> list[str]:
    """How what was run differs from the paper, one line each."""
    if not replicated.differences:
        return []
    listed = [f"- {difference}" for difference in replicated.differences]
    return ["Differences from the paper:", *listed]
