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


def test_all_columns_with_one_moment_each_step_as_each_of_them_does() -> None:
    torch.manual_seed(0)
    start, gradients = torch.randn(2, 5, 3), torch.randn(9, 2, 5, 3)
    flags = torch.ones(3, dtype=torch.bool)
    every, each = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    together, one_by_one = Adam([every], (every, None)), Adam([each], (each, flags))
    for gradient in gradients:
        every.grad, each.grad = gradient.clone(), gradient.clone()
        together.step(0.1)
        one_by_one.step(0.1)
    assert torch.equal(every, each)
    # A column's step is along its momentum: at first that is the gradient.
    first = torch.nn.Parameter(start.clone())
    first.grad = gradients[0].clone()
    Adam([first], (first, None)).step(0.1)
    ratio = (first - start) / gradients[0]
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
