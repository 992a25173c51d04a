"""Whether a module can stand in a network as an activation, found out before anything is trained.

`examine` raises ValueError, with what is wrong, at which x, and what to do; what is only good to
know is in the facts that it returns.
"""

import math

import torch

NEAR, FAR, STEPS = 10.0, 100.0, 2000  # on [-NEAR, NEAR] all is finite, on [-FAR, FAR] nothing NaN
SHAPES = ((), (7,), (2, 3, 4, 5))
STEP, TOLERANCE = 1e-6, 1e-4  # of the central difference, and what it may be off
SHOWN = 20  # kinks and jumps that are listed
LIMITS = (-math.inf, -1e4, 1e4, math.inf, math.nan)


def examine(new) -> dict:
    """What is to be known of the activation that new() makes: JSON with the same keys for each.

    In evaluation mode. parameters: trained ones; range and slopes: of f and f' on [-10, 10]; kinks
    and jumps: [how many there, the first of them]; difference: the largest relative one between f'
    and a central difference, in float64, away from kinks; overflows: f is infinite within
    [-100, 100]; far: f there, in float32; half: whether dtype and finite values are kept. Raises
    ValueError for what no network should be trained with.
    """
    module, other = new().eval(), new().eval()
    _check_calls(module)
    _check_apart(module, other)
    steps = torch.arange(-STEPS, STEPS + 1, dtype=torch.float64) / STEPS  # 0 is exactly 0
    near, far = NEAR * steps, FAR * steps
    f, slopes = _check_finite(module, near, "be finite")
    overflows = bool(_check_finite(module, far, "not be NaN")[0].isinf().any())
    _check_alone(module, near, f)
    parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
    if not parameters:  # trained ones may start as a constant
        _check_used(f, slopes)
    double = new().eval().double()
    return {
        "parameters": parameters,
        "range": [f.min().item(), f.max().item()],
        "slopes": [slopes.min().item(), slopes.max().item()],
        "jumps": _breaks(lambda x: _both(double, x)[0], near),
        "kinks": _breaks(lambda x: _both(double, x)[1], near),
        "difference": _check_derivative(double, near),
        "overflows": overflows,
        "far": {f"{x:g}": f"{_value(module, x):.6g}" for x in LIMITS},
        "half": {str(t).partition(".")[2]: _half(new, t) for t in (torch.float16, torch.bfloat16)},
    }


def _check_calls(module):
    """Shape and dtype stay, x is not changed."""
    module = module.float()
    for dtype in (torch.float32, torch.float64):
        for shape in SHAPES:
            x = torch.full(shape, 0.5, dtype=dtype)
            y = _called(module.to(dtype), x)
            what = f"of shape {shape} and dtype {dtype}"
            if not isinstance(y, torch.Tensor) or (y.shape, y.dtype) != (x.shape, x.dtype):
                gives = f"{tuple(y.shape)} and {y.dtype}" if hasattr(y, "dtype") else type(y)
                raise ValueError(f"input {what} gives {gives}: both must stay as they are")
            if not (x == 0.5).all():
                raise ValueError(f"input {what} is changed in place: compute a new tensor")
    module.float()


def _called(module, x):
    with torch.no_grad():
        try:
            return module(x)
        except Exception as error:  # whatever the foreign code stumbles over
            told = f"{type(error).__name__}: {error}"
            what = f"shape {tuple(x.shape)} and dtype {x.dtype}"
            raise ValueError(f"fails on {what}: {told}") from error


def _check_apart(module, other):
    """Two layers have nothing in common, and using one leaves it as it was."""
    places = [{t.data_ptr() for t in m.state_dict().values() if t.numel()} for m in (module, other)]
    if module is other or places[0] & places[1]:
        raise ValueError("two layers would share parameters: make a new module each time")
    x = torch.linspace(-1, 1, 9)
    if not torch.allclose(_called(module, x), _called(module, x), rtol=0, equal_nan=True):
        raise ValueError("in evaluation mode the same x gives two values: keep chance to training")


def _both(module, points):
    """f and f' at the points, in their dtype."""
    x = points.clone().requires_grad_()
    with torch.enable_grad():
        y = module(x)
    if not y.requires_grad:
        return y, torch.zeros_like(x)
    (slopes,) = torch.autograd.grad(y.sum(), x, allow_unused=True)
    return y.detach(), torch.zeros_like(x) if slopes is None else slopes


def _check_finite(module, points, wanted):
    """f and f' at the points in float32, all finite, or at least no NaN."""
    fits = torch.isfinite if wanted == "be finite" else (lambda values: ~values.isnan())
    both = _both(module, points.float())
    for name, values in zip(("f(x)", "the gradient"), both, strict=True):
        if not (good := fits(values)).all():
            bad = (~good).nonzero().flatten()
            first = bad[points[bad].abs().argmin()]  # the one nearest to 0
            raise ValueError(
                f"{name} is {values[first].item():g} at x = {points[first].item():g} (float32); on "
                f"[{points[0]:g}, {points[-1]:g}] it must {wanted}. Bound what goes into exp, "
                "log, sqrt and divisions (clamp, softplus, sigmoid); `where` does not help, its "
                "gradient is that of both parts"
            )
    return both


def _check_alone(module, points, f):
    """f(x) is the same in any company."""
    order = torch.arange(len(points)).flip(0)[::7]
    alone = _called(module, points.float()[order])
    if not torch.allclose(alone, f[order], rtol=1e-4, atol=1e-5):
        x = points[order][(alone - f[order]).abs().argmax()].item()
        raise ValueError(f"f({x:g}) depends on the other values of its tensor, it must on x only")


def _check_used(f, slopes):
    if f.min() == f.max():
        raise ValueError(f"f(x) = {f[0].item():g} for all x in [-10, 10]: it must depend on x")
    if not slopes.any():
        raise ValueError("f' = 0 at all x in [-10, 10]: no layer before it could learn")


def _check_derivative(module, points):
    """The largest difference between f' and a central difference, relative to 1 + |f'|."""
    x = points + 0.001234567  # beside round kinks
    f, slope = _both(module, x)
    above, below = (_both(module, x + step)[0] for step in (STEP, -STEP))
    noise = 8 * torch.finfo(torch.float64).eps * f.abs() / STEP
    scale = 1 + slope.abs()
    kinked = (above - 2 * f + below).abs() / STEP > TOLERANCE * scale + noise
    off = ((above - below) / (2 * STEP) - slope).abs() - noise
    off = torch.where(kinked, 0, off.clamp(min=0) / scale)
    if off.max() > TOLERANCE:
        i = off.argmax()
        raise ValueError(
            f"the gradient at x = {x[i].item():g} is {slope[i].item():g}, a central difference of "
            f"f gives {((above - below) / (2 * STEP))[i].item():g}: mend its backward pass"
        )
    return off.max().item()


def _breaks(g, points):
    """[how many, the first ones] of the places where g jumps: the change stays in ever smaller
    intervals, halved until they are one rounding wide."""
    low, high = points[:-1], points[1:]
    first = (g(high) - g(low)).abs()
    for _ in range(46):
        middle = (low + high) / 2
        left = (g(middle) - g(low)).abs() > (g(high) - g(middle)).abs()
        low, high = torch.where(left, low, middle), torch.where(left, middle, high)
    jump = (g(high) - g(low)).abs()
    there = (jump > 1e-3 * (1 + g(low).abs())) & (jump > first / 4)
    places = sorted({round(x, 9) + 0.0 for x in low[there].tolist()})
    return [len(places), places[:SHOWN]]


def _value(module, x):
    return _called(module, torch.tensor([x])).item()


def _half(new, dtype):
    try:
        x = torch.linspace(-NEAR, NEAR, 201, dtype=dtype)
        y = _called(new().eval().to(dtype), x)
    except ValueError:
        return False
    return y.dtype == dtype and bool(y.isfinite().all())
