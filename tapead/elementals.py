"""The table of elementals: one row per scalar function with known partials.

A row states the value, the partials given the arguments and the result, where both are smooth, how
a person writes it, and which NumPy or SciPy ufunc it answers to. Kernels, rules of any order, trace
formulas, the reference page, tests and benchmark parameters are all read off these rows [1]_.

Values are expressions in ``x`` and ``y`` over C's maths functions and ``_special.pxd``. Partials are
expressions in ``x``, ``y`` and the result ``v`` over *rows of this table*, which is what makes every
partial differentiable again. ``absent`` states that there is no path, which is not a path whose
derivative is zero: the adjoint of a result never reaches such an operand.

.. [1] A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008, section 2.2.
"""

import ast
from typing import NamedTuple

PI = "3.141592653589793"
LN2 = "0.6931471805599453"
LN10 = "2.302585092994046"
DEGREE = "0.017453292519943295"  # pi / 180
RADIAN = "57.29577951308232"  # 180 / pi
TWO_OVER_SQRT_PI = "1.1283791670955126"
HALF_SQRT_PI = "0.886226925452758"
INV_SQRT_2PI = "0.3989422804014327"


class Elemental(NamedTuple):
    """One scalar function with known partials.

    Parameters
    ----------
    name : str
        NumPy's or SciPy's name of the function.
    value : str
        Expression of the value in ``x`` (and ``y``).
    partials : tuple of str
        One expression per argument in ``x``, ``y`` and the result ``v``.
    domain : tuple of (float, float)
        One interval per argument; value and partials are smooth almost everywhere in the box.
    text, tex : str
        How a person writes the value; ``{x}`` and ``{y}`` stand for the arguments.
    ufunc : str
        The ufunc it answers to, ``"numpy.sin"``; empty if there is none.
    definition : str
        The textbook formula in mpmath's names, where ``value`` is not one.
    kink : str
        Condition on ``x`` and ``y`` under which the derivative jumps, ties or does not exist.
    slot : str
        Python's operator slot that it answers to, ``"__add__"``; empty if there is none.
    aliases : tuple of str
        Further public names.
    public : bool
        Whether ``tapead`` exports it; the others serve as partials of partials.
    """

    name: str
    value: str
    partials: tuple[str, ...]
    domain: tuple[tuple[float, float], ...]
    text: str
    tex: str
    ufunc: str = ""
    definition: str = ""
    kink: str = ""
    slot: str = ""
    aliases: tuple[str, ...] = ()
    public: bool = True

    @property
    def arity(self) -> int:
        """Number of arguments, 1 or 2."""
        return len(self.partials)

    @property
    def args(self) -> tuple[str, ...]:
        """Names of the arguments in the row's expressions."""
        return ("x", "y")[: self.arity]

    @property
    def names(self) -> tuple[str, ...]:
        """All public names of the function, its own first."""
        return (self.name, *self.aliases) if self.public else ()

    @property
    def selects(self) -> bool:
        """Whether some operand may have no path to the result."""
        return self.name == "carry" or any(
            word in partial for partial in self.partials for word in ("absent", "present")
        )


def _fn(name, tex=None, text=None):
    """Text and TeX of a function that people write as a name before its argument."""
    return {"text": f"{text or name} {{x}}", "tex": f"{tex or chr(92) + name} {{x}}"}


def _call(name, arity=2):
    """Text and TeX of a function that people write as a call."""
    arguments = "{x:r}, {y:r}" if arity == 2 else "{x:r}"
    roman = name.replace("_", r"\_")
    return {
        "text": f"{name}({arguments})",
        "tex": rf"\operatorname{{{roman}}}({arguments})".replace(
            "{" + roman + "}", "{{" + roman + "}}"
        ),
    }


def _row(name, value, *partials, domain, **fields):
    if not isinstance(domain[0], tuple):
        domain = (domain,) * len(partials)
    return Elemental(name, value, partials, domain, **fields)


def _np(name):
    return {"ufunc": f"numpy.{name}"}


def _sc(name):
    return {"ufunc": f"scipy.special.{name}"}


# y x^(y - 1), also where it is 0 times infinity
_POWER_X = "0 if y == 0 and (x != x or x > -1e-300 and x < 1e-300) else y * power(x, y - 1)"
_GREATER = "1 if {0} > {1} or {0} != {0}{2} else 0.5 if {0} == {1} else absent"
_GREATER_NUMBER = "1 if {0} > {1} or {1} != {1} else 0.5 if {0} == {1} else absent"

# fmt: off
ROWS = (
    # arithmetic
    _row("add", "x + y", "1", "1", domain=(-3, 3), text="{x} + {y}", tex="{x} + {y}", slot="__add__", **_np("add")),
    _row("subtract", "x - y", "1", "-1", domain=(-3, 3), text="{x} − {y}", tex="{x} - {y}", slot="__sub__", **_np("subtract")),
    _row("multiply", "x * y", "y", "x", domain=(-3, 3), text="{x} × {y}", tex=r"{x} \times {y}", slot="__mul__", **_np("multiply")),
    _row("divide", "x / y", "1 / y", "-v / y", domain=((-3, 3), (0.5, 3)), text="{x} / {y}", tex=r"\frac{{{x:r}}}{{{y:r}}}",
         aliases=("true_divide",), slot="__truediv__", **_np("divide")),
    _row("negative", "-x", "-1", domain=(-3, 3), text="−{x}", tex="-{x}", slot="__neg__", **_np("negative")),
    _row("copy", "x", "1", domain=(-3, 3), text="{x}", tex="{x}", public=False),
    _row("power", "pow(x, y)", _POWER_X, "0 if x == 0 and y >= 0 else v * log(x)",
         domain=((0.3, 3), (-2, 3)), text="{x}^{y}", tex="{x}^{{{y:r}}}", definition="x**y", aliases=("pow",), **_np("power")),
    _row("reciprocal", "1.0 / x", "-v * v", domain=(0.4, 3), text="1 / {x}", tex=r"\frac{{1}}{{{x:r}}}", **_np("reciprocal")),
    _row("square", "x * x", "2 * x", domain=(-3, 3), text="{x}²", tex="{x}^{{2}}", **_np("square")),
    _row("sqrt", "sqrt(x)", "0.5 / v", domain=(0.2, 9), text="√{x}", tex=r"\sqrt{{{x:r}}}", **_np("sqrt")),
    _row("cbrt", "cbrt(x)", "1 / (3 * v * v)", domain=(0.2, 9), text="∛{x}", tex=r"\sqrt[3]{{{x:r}}}", **_np("cbrt")),
    _row("hypot", "hypot(x, y)", "0 if v == 0 else x / v", "0 if v == 0 else y / v", domain=((0.2, 3), (-3, -0.2)),
         **_call("hypot"), definition="sqrt(x**2 + y**2)", kink="x == 0 and y == 0", **_np("hypot")),
    # exponentials and logarithms
    _row("exp", "exp(x)", "v", domain=(-3, 3), **_fn("exp"), **_np("exp")),
    _row("exp2", "exp2(x)", f"{LN2} * v", domain=(-3, 3), text="2^{x}", tex="2^{{{x:r}}}", definition="2**x", **_np("exp2")),
    _row("expm1", "expm1(x)", "v + 1", domain=(-3, 3), **_call("expm1", 1), definition="exp(x) - 1", **_np("expm1")),
    _row("log", "log(x)", "1 / x", domain=(0.2, 9), **_fn("ln"), **_np("log")),
    _row("log2", "log2(x)", f"1 / ({LN2} * x)", domain=(0.2, 9), text="log₂ {x}", tex=r"\log_{{2}} {x}", definition="log(x) / log(2)", **_np("log2")),
    _row("log10", "log10(x)", f"1 / ({LN10} * x)", domain=(0.2, 9), text="log₁₀ {x}", tex=r"\log_{{10}} {x}", **_np("log10")),
    _row("log1p", "log1p(x)", "1 / (1 + x)", domain=(-0.7, 5), **_call("log1p", 1), definition="log(1 + x)", **_np("log1p")),
    _row("logaddexp", "logaddexp(x, y)", "sigmoid(excess(x, y))", "sigmoid(excess(y, x))", domain=(-3, 3), **_call("logaddexp"),
         definition="log(exp(x) + exp(y))", **_np("logaddexp")),
    _row("logaddexp2", "logaddexp2(x, y)", f"sigmoid({LN2} * excess(x, y))", f"sigmoid({LN2} * excess(y, x))", domain=(-3, 3), **_call("logaddexp2"),
         definition="log(2**x + 2**y) / log(2)", **_np("logaddexp2")),
    _row("excess", "0.0 if x == y else x - y", "1", "-1", domain=(-3, 3), text="({x} − {y})", tex="({x} - {y})", public=False),
    _row("xlogy", "xlogy(x, y)", "log(y)", "xdivy(x, y)", domain=((0.2, 3), (0.2, 3)), text="{x} ln {y}", tex=r"{x} \ln {y}", definition="x * log(y)", **_sc("xlogy")),
    _row("xlog1py", "xlog1py(x, y)", "log1p(y)", "xdivy(x, 1 + y)", domain=((0.2, 3), (-0.5, 3)), text="{x} ln(1 + {y})", tex=r"{x} \ln(1 + {y})",
         definition="x * log(1 + y)", **_sc("xlog1py")),
    _row("xdivy", "xdivy(x, y)", "1 / y", "-v / y", domain=((0.2, 3), (0.5, 3)), text="{x} / {y}", tex=r"\frac{{{x:r}}}{{{y:r}}}", definition="x / y", public=False),
    # circular and hyperbolic functions
    _row("sin", "sin(x)", "cos(x)", domain=(-4, 4), **_fn("sin"), **_np("sin")),
    _row("cos", "cos(x)", "-sin(x)", domain=(-4, 4), **_fn("cos"), **_np("cos")),
    _row("tan", "tan(x)", "1 + v * v", domain=(-1.2, 1.2), **_fn("tan"), **_np("tan")),
    _row("arcsin", "asin(x)", "1 / sqrt((1 - x) * (1 + x))", domain=(-0.9, 0.9), **_fn("arcsin"), aliases=("asin",), **_np("arcsin")),
    _row("arccos", "acos(x)", "-1 / sqrt((1 - x) * (1 + x))", domain=(-0.9, 0.9), **_fn("arccos"), aliases=("acos",), **_np("arccos")),
    _row("arctan", "atan(x)", "1 / (1 + x * x)", domain=(-4, 4), **_fn("arctan"), aliases=("atan",), **_np("arctan")),
    _row("arctan2", "atan2(x, y)", "y / hypot(x, y) / hypot(x, y)", "-(x / hypot(x, y)) / hypot(x, y)", domain=((0.2, 3), (-3, 3)), **_call("arctan2"),
         kink="x == 0 and y == 0", aliases=("atan2",), **_np("arctan2")),
    _row("sinh", "sinh(x)", "cosh(x)", domain=(-3, 3), **_fn("sinh"), **_np("sinh")),
    _row("cosh", "cosh(x)", "sinh(x)", domain=(-3, 3), **_fn("cosh"), **_np("cosh")),
    _row("tanh", "tanh(x)", "sech2(x)", domain=(-3, 3), **_fn("tanh"), **_np("tanh")),
    _row("sech2", "sech2(x)", "-2 * v * tanh(x)", domain=(-3, 3), text="sech² {x}", tex=r"\operatorname{{sech}}^2 {x}", definition="1 / cosh(x)**2", public=False),
    _row("arcsinh", "asinh(x)", "1 / hypot(1, x)", domain=(-4, 4), **_fn("arcsinh", r"\operatorname{{arsinh}}"), aliases=("asinh",), **_np("arcsinh")),
    _row("arccosh", "acosh(x)", "1 / (sqrt(x - 1) * sqrt(x + 1))", domain=(1.3, 5), **_fn("arccosh", r"\operatorname{{arcosh}}"), aliases=("acosh",), **_np("arccosh")),
    _row("arctanh", "atanh(x)", "1 / ((1 - x) * (1 + x))", domain=(-0.9, 0.9), **_fn("arctanh", r"\operatorname{{artanh}}"), aliases=("atanh",), **_np("arctanh")),
    _row("deg2rad", f"{DEGREE} * x", DEGREE, domain=(-180, 180), **_call("deg2rad", 1), aliases=("radians",), **_np("deg2rad")),
    _row("rad2deg", f"{RADIAN} * x", RADIAN, domain=(-3, 3), **_call("rad2deg", 1), aliases=("degrees",), **_np("rad2deg")),
    _row("sinc", "sinc_derivative(0.0, x)", "sinc_derivative(1, x)", domain=(-3, 3), **_call("sinc", 1), definition="sincpi(x)"),
    _row("sinc_derivative", "sinc_derivative(x, y)", "nan", "sinc_derivative(x + 1, y)", domain=((1, 1), (-3, 3)),
         text="sinc^({x:r})({y:r})", tex=r"\operatorname{{sinc}}^{{({x:r})}}({y:r})", definition="diff(sincpi, y, int(x))", public=False),
    # kinks and selections
    _row("absolute", "fabs(x)", "sign(x)", domain=(-3, 3), text="|{x:r}|", tex=r"\left|{x:r}\right|", kink="x == 0", aliases=("abs", "fabs"), slot="__abs__", **_np("absolute")),
    _row("sign", "sign(x)", "absent", domain=(-3, 3), **_call("sign", 1), kink="x == 0", **_np("sign")),
    _row("maximum", "maximum(x, y)", _GREATER.format("x", "y", ""), _GREATER.format("y", "x", " and x == x"), domain=(-3, 3), **_call("maximum"),
         definition="max(x, y)", kink="x == y", **_np("maximum")),
    _row("minimum", "minimum(x, y)", _GREATER.format("-x", "-y", ""), _GREATER.format("-y", "-x", " and x == x"), domain=(-3, 3), **_call("minimum"),
         definition="min(x, y)", kink="x == y", **_np("minimum")),
    _row("fmax", "fmax(x, y)", _GREATER_NUMBER.format("x", "y"), _GREATER_NUMBER.format("y", "x"), domain=(-3, 3), **_call("fmax"),
         definition="max(x, y)", kink="x == y", **_np("fmax")),
    _row("fmin", "fmin(x, y)", _GREATER_NUMBER.format("-x", "-y"), _GREATER_NUMBER.format("-y", "-x"), domain=(-3, 3), **_call("fmin"),
         definition="min(x, y)", kink="x == y", **_np("fmin")),
    _row("clip_min", "maximum(x, y)", "1 if x > y or x != x else 0 if x == y else absent", "1 if y >= x or (y != y and x == x) else absent", domain=(-3, 3),
         **_call("clip_min"), definition="max(x, y)", kink="x == y", public=False),
    _row("clip_max", "minimum(x, y)", "1 if x < y or x != x else 0 if x == y else absent", "1 if y <= x or (y != y and x == x) else absent", domain=(-3, 3),
         **_call("clip_max"), definition="min(x, y)", kink="x == y", public=False),
    _row("relu", "relu(x)", "1 if x > 0 or x != x else 0 if x == 0 else absent", domain=(-3, 3), **_call("relu", 1), definition="max(x, 0)", kink="x == 0"),
    _row("copysign", "copysign(x, y)", "sign(x) * copysign(1, y)", "absent", domain=(-3, 3), **_call("copysign"),
         definition="fabs(x) * sign(y)", kink="x == 0 or y == 0", **_np("copysign")),
    _row("heaviside", "heaviside(x, y)", "absent", "1 if x == 0 else absent", domain=(-3, 3), **_call("heaviside"),
         definition="y if x == 0 else (1 + sign(x)) / 2", kink="x == 0", **_np("heaviside")),
    _row("floor", "floor(x)", "absent", domain=(-3, 3), text="⌊{x:r}⌋", tex=r"\lfloor {x:r} \rfloor", kink="x == floor(x)", **_np("floor")),
    _row("ceil", "ceil(x)", "absent", domain=(-3, 3), text="⌈{x:r}⌉", tex=r"\lceil {x:r} \rceil", kink="x == floor(x)", **_np("ceil")),
    _row("trunc", "trunc(x)", "absent", domain=(-3, 3), **_call("trunc", 1), definition="sign(x) * floor(fabs(x))", kink="x == floor(x)", aliases=("fix",), **_np("trunc")),
    _row("rint", "rint(x)", "absent", domain=(-3, 3), **_call("rint", 1), definition="nint(x)", kink="x - floor(x) == 0.5", **_np("rint")),
    _row("remainder", "remainder(x, y)", "1", "-floor_divide(x, y)", domain=((-9, 9), (1, 4)), text="{x} mod {y}", tex=r"{x} \bmod {y}",
         definition="x - y * floor(x / y)", kink="remainder(x, y) == 0", aliases=("mod",), slot="__mod__", **_np("remainder")),
    _row("floor_divide", "floor_divide(x, y)", "absent", "absent", domain=((-9, 9), (1, 4)), text="⌊{x} / {y}⌋", tex=r"\lfloor {x} / {y} \rfloor",
         definition="floor(x / y)", kink="remainder(x, y) == 0", slot="__floordiv__", **_np("floor_divide")),
    _row("fmod", "fmod(x, y)", "1", "-rint((x - v) / y)", domain=((-9, 9), (1, 4)), **_call("fmod"),
         definition="sign(x) * (fabs(x) % fabs(y))", kink="x != 0 and fmod(x, y) == 0", **_np("fmod")),
    # sigmoids and special functions
    _row("sigmoid", "sigmoid(x)", "v * sigmoid(-x)", domain=(-5, 5), text="σ({x:r})", tex=r"\sigma({x:r})", definition="1 / (1 + exp(-x))", aliases=("expit",), **_sc("expit")),
    _row("log_sigmoid", "-softplus(-x)", "sigmoid(-x)", domain=(-5, 5), text="ln σ({x:r})", tex=r"\ln \sigma({x:r})",
         definition="-log(1 + exp(-x))", aliases=("log_expit",), **_sc("log_expit")),
    _row("logit", "logit(x)", "1 / (x * (1 - x))", domain=(0.1, 0.9), **_call("logit", 1), definition="log(x / (1 - x))", **_sc("logit")),
    _row("softplus", "softplus(x)", "sigmoid(x)", domain=(-5, 5), **_call("softplus", 1), definition="log(1 + exp(x))"),
    _row("erf", "erf(x)", f"{TWO_OVER_SQRT_PI} * exp(-x * x)", domain=(-2, 2), **_call("erf", 1), **_sc("erf")),
    _row("erfc", "erfc(x)", f"-{TWO_OVER_SQRT_PI} * exp(-x * x)", domain=(-2, 2), **_call("erfc", 1), **_sc("erfc")),
    _row("erfinv", "erfinv(x)", f"{HALF_SQRT_PI} * exp(v * v)", domain=(-0.9, 0.9), text="erf⁻¹({x:r})", tex=r"\operatorname{{erf}}^{{-1}}({x:r})", **_sc("erfinv")),
    _row("gamma", "tgamma(x)", "v * digamma(x)", domain=(0.3, 5), text="Γ({x:r})", tex=r"\Gamma({x:r})", definition="gamma(x)", **_sc("gamma")),
    _row("gammaln", "lgamma(x)", "digamma(x)", domain=(0.3, 9), text="ln Γ({x:r})", tex=r"\ln \Gamma({x:r})", definition="loggamma(x)", **_sc("gammaln")),
    _row("digamma", "digamma(x)", "polygamma(1, x)", domain=(0.3, 9), text="ψ({x:r})", tex=r"\psi({x:r})", definition="psi(0, x)", aliases=("psi",), **_sc("psi")),
    _row("polygamma", "polygamma(x, y)", "nan", "polygamma(x + 1, y)", domain=((1, 1), (0.3, 9)), text="ψ^({x:r})({y:r})", tex=r"\psi^{{({x:r})}}({y:r})",
         definition="psi(int(x), y)", public=False),
    _row("ndtr", "0.5 * erfc(-0.7071067811865476 * x)", f"{INV_SQRT_2PI} * exp(-0.5 * x * x)", domain=(-3, 3), text="Φ({x:r})", tex=r"\Phi({x:r})",
         definition="ncdf(x)", **_sc("ndtr")),
    _row("log_ndtr", "log_ndtr(x)", "mills(x)", domain=(-9, 3), text="ln Φ({x:r})", tex=r"\ln \Phi({x:r})", definition="log(ncdf(x))", **_sc("log_ndtr")),
    _row("mills", "0.7978845608028654 / erfcx(-0.7071067811865476 * x)", "-v * (x + v)", domain=(-5, 3), text="φ/Φ({x:r})", tex=r"\tfrac{{\varphi}}{{\Phi}}({x:r})",
         definition="npdf(x) / ncdf(x)", public=False),
)
# fmt: on

# What Programs need beyond the table: adjoints that may be absent at some points hold a mark where
# they are (see `absent`), and the conditions in partials are instructions.

_ABSENT = ("absent",)
# fmt: off
_PRESENT_ROWS = (
    _row("number", "number(x)", "present(x)", domain=(-3, 3), text="{x} or 0", tex="{x}", public=False),
    _row("join", "join(x, y)", "1", "present(y)", domain=(-3, 3), text="{x} + ({y} or nothing)", tex="{x} + {y}", public=False),
)
_TEST_ROWS = tuple(  # 1 where a comparison holds and 0 elsewhere: masks of arrays
    _row(name, f"1.0 if x {sign} y else 0.0", *_ABSENT * 2, domain=(-3, 3), text=f"[{{x}} {sign} {{y}}]",
         tex=f"[{{x}} {sign} {{y}}]", kink="x == y" if sign in "<=>=" and sign != "==" else "", public=False)
    for name, sign in (("less", "<"), ("less_equal", "<="), ("greater", ">"), ("greater_equal", ">="),
                       ("equal", "=="), ("not_equal", "!="))
)
_MARKED_ROWS = (
    _row("carry", "carry(x, y)", "y", "x", domain=(-3, 3), text="{x} ×? {y}", tex=r"{x} \times {y}", public=False),
    _row("merge", "merge(x, y)", "present(x)", "present(y)", domain=(-3, 3), text="{x} +? {y}", tex="{x} + {y}", public=False),
    _row("present", "present(x)", "absent", domain=(-3, 3), text="present({x:r})", tex="[{x}]", public=False),
    _row("seed", "x", "1", domain=(-3, 3), text="{x}", tex="{x}", public=False),
    _row("taken", "1.0 if x != 0 else absent_()", *_ABSENT, domain=(-3, 3), **_call("taken", 1), public=False),
)
# fmt: on


class Choice(NamedTuple):
    """A conditional in a partial as instructions.

    `rows` is one row that yields the chosen number or the mark, where all alternatives are
    numbers; else two, which yield 1 or the mark as the condition holds and does not hold.
    `names` are those of the rule's x, y and v that the condition looks at.
    """

    rows: tuple[Elemental, ...]
    names: tuple[str, ...]


def _choice(row, arg, node):
    numbers = not any(
        isinstance(part, ast.Call | ast.BinOp | ast.UnaryOp) for part in (node.body, node.orelse)
    )
    found = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
    names = tuple(name for name in ("x", "y", "v") if name in found)
    if numbers:
        values = {f"{row.name}_partial_{arg}": ast.unparse(_Numbers().visit(node))}
    else:
        test = ast.unparse(node.test)
        values = {
            f"{row.name}_if_{arg}": f"1.0 if {test} else absent_()",
            f"{row.name}_unless_{arg}": f"absent_() if {test} else 1.0",
        }
    return Choice(tuple(_choice_row(row, *item, names) for item in values.items()), names)


class _Numbers(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.Constant(float(node.value))

    def visit_Name(self, node):
        return ast.Name("absent_()") if node.id == "absent" else node


def _choice_row(row, name, value, names):
    places = dict(zip(names, ("x", "y"), strict=False))
    value = ast.unparse(_Renamed(places).visit(ast.parse(value, mode="eval").body))
    kink = row.kink if names == row.args else ""
    partials = _ABSENT * len(names)
    return _row(name, value, *partials, domain=(-3, 3), kink=kink, public=False,
                **_call(name, len(names)))  # fmt: skip


class _Renamed(ast.NodeTransformer):
    def __init__(self, places):
        self.places = places

    def visit_Name(self, node):
        return ast.Name(self.places.get(node.id, node.id))


def _choices():
    """The conditional of each partial that has one, by row and argument."""
    found = {}
    for row in ROWS:
        for arg, partial in zip(row.args, row.partials, strict=True):
            node = ast.parse(partial, mode="eval").body
            if isinstance(node, ast.IfExp):
                found[row.name, arg] = _choice(row, arg, node)
    return found


CHOICES: dict[tuple[str, str], Choice] = _choices()
_CHOICE_ROWS = tuple(row for choice in CHOICES.values() for row in choice.rows)
INSTRUCTIONS = ROWS + _PRESENT_ROWS + _TEST_ROWS + _MARKED_ROWS + _CHOICE_ROWS
FIRST_MARKED = (
    len(ROWS + _PRESENT_ROWS + _TEST_ROWS) + 1
)  # from this opcode on a result may be the mark

ELEMENTALS = {row.name: row for row in ROWS}
OPCODES = {row.name: code for code, row in enumerate(INSTRUCTIONS, start=1)}  # 0 is an input


class Fusion(NamedTuple):
    """Two instructions that a Program runs as one: ``outer(inner(x, y), z)``, or z first."""

    name: str
    inner: str
    outer: str
    side: int


COMMUTING = ("add", "multiply", "carry", "merge")  # the same bits with x and y exchanged
_ONE_SIDE = dict.fromkeys(COMMUTING, (0,)) | {"join": (1,)}
FUSIONS = tuple(
    Fusion(f"{outer}_{inner}" + "_second" * side, inner, outer, side)
    for inner, outers in {
        "add": ("add", "subtract", "multiply"),
        "subtract": ("add", "subtract", "multiply"),
        "multiply": ("add", "subtract", "multiply"),
        "carry": ("merge", "join"),
    }.items()
    for outer in outers
    for side in _ONE_SIDE.get(outer, (0, 1))
)
