"""Metrics: a loss, averaged over a window. Every metric takes the same arguments for its window.

window : int
    The last W samples. A missing truth (NaN) takes its place among them.
halflife : float, samples
    A pair weighs half as much as one so many learnt pairs later.
seconds : float
    The pairs whose stamps lie less than so many seconds before the newest stamp: ``update(y_true, y_pred, time=...)``.
    A stamp older than the newest counts as the newest (``late`` counts them); equal stamps are welcome.
halflife_seconds : float
    A pair weighs half as much as one so many seconds later; late stamps as above.
weighted : bool
    Every pair comes with a weight, ``update(y_true, y_pred, weight=...)``; a weight of zero is a missing pair.
steady : bool
    With ``window``: no update takes longer than about the root of W steps, for real-time loops. Without it one in W
    takes W steps.
compensated : bool
    The sums carry their rounding errors along: a relative error within 6 units of rounding for any W, instead of W + 4.
    For running sums and windows; half-lives round in their factors as well.
capacity : int
    For how many pairs ``seconds`` has room. Where more come, neighbours are held as one that leaves with its newest
    pair: all of the window counts, and pairs up to 4 / capacity of it older may count as well (a thousandth by
    default). Below 16 there may be no room for that: the oldest leave early then, ``dropped`` counts them and a warning
    says so.

The exceptions: R2, NRMSE and ErrorVariance, which are no plain sums, have no ``compensated``, and TrimmedMSE, which
sorts, neither that nor ``steady``. TrimmedMSE holds the pairs of ``window`` and ``seconds`` in order and is exact;
running and fading it counts errors in buckets and is exact but for one of them, and a pair that is not finite counts as
the largest of its window; it cannot hold two pairs as one, so beyond ``capacity`` the oldest leave early, with the
warning. In MedianOfMeansMSE each block has its share of ``window`` and ``capacity``, so the edge is ``blocks`` times
as wide.

Without a window the metric runs over all pairs, and two of them ``merge``. A missing truth teaches nothing. A pair
that is not finite makes the value of ``window`` and ``seconds`` not finite while it is inside and is forgotten bit for
bit when it leaves; running and fading metrics would never forget it, so they do not learn it, and ``skipped`` counts
such pairs. SMAPE has a bound: a pair of which one is infinite is 200.
"""
