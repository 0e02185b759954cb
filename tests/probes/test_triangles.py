"""Products of triangles, against the whole products."""

import pytest
import torch

from probekit.probes.triangles import COLUMNS, add_squares, mirrored, times_upper


@pytest.mark.parametrize("dim", [3, COLUMNS, 2 * COLUMNS + 7])
def test_products_of_triangles_are_those_of_whole_matrices(dim: int) -> None:
    torch.manual_seed(0)
    values = torch.randn(2, 11, dim, dtype=torch.float64)
    squares = torch.ones(2, dim, dim, dtype=torch.float64)
    add_squares(squares, values)
    torch.testing.assert_close(mirrored(squares), 1 + values.transpose(1, 2) @ values)

    upper = torch.randn(2, dim, dim, dtype=torch.float64).triu()
    torch.testing.assert_close(times_upper(values, upper), values @ upper)
