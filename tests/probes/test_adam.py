"""Adam against torch's."""

from __future__ import annotations

import torch

from probekit.probes.adam import BETA1, BETA2, Adam


def test_the_steps_are_torchs() -> None:
    torch.manual_seed(0)
    start, data = torch.randn(5, 3), torch.randn(40, 5)
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    mine, referee = Adam([ours]), torch.optim.Adam([theirs], lr=0.1, betas=(BETA1, BETA2))
    for step in range(40):
        for group in referee.param_groups:
            group["lr"] = 0.1 / (step + 1)
        referee.zero_grad()
        (data[step] @ theirs).square().sum().backward()
        referee.step()
        (data[step] @ ours).square().sum().backward()
        mine.step(0.1 / (step + 1))
    torch.testing.assert_close(ours, theirs)
