"""Random filters on metadata, and metadata for them, few of each so that what is asked for is often there."""

from hypothesis import strategies as st

from providers import filters

_numbers = [0, 1, 1.0, 2.5, -1, 10**22, 1e22, 10**23, 1e23, 2**53 + 1, float(2**53)]
_leaves = st.sampled_from([None, True, False, *_numbers, "", "a", "ab", "b", "é", "😀", "1"])
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)
_keys = st.sampled_from(["a", "b", "0", "-1"])
_fields = _keys | st.lists(_keys, min_size=1, max_size=3)
_sizes = st.sampled_from([*_numbers, "", "a", "ab", "é"])
_several = st.lists(_values, min_size=1, max_size=3)
_bounds = st.tuples(st.sampled_from([-1, 0, 1.5]), st.sampled_from([1, 2.5, 10**23])) | st.tuples(
    st.sampled_from(["", "a"]), st.sampled_from(["ab", "é"])
)
_conditions = st.one_of(
    *(st.builds(kind, _fields, _values) for kind in (filters.Eq, filters.Ne, filters.Contains)),
    *(st.builds(kind, _fields, _several) for kind in (filters.In, filters.ContainsAny, filters.ContainsAll)),
    *(st.builds(kind, _fields, _sizes) for kind in (filters.Gt, filters.Gte, filters.Lt, filters.Lte)),
    st.builds(filters.Prefix, _fields, st.sampled_from(["", "a", "é", "%"])),
    st.builds(lambda field, pair: filters.Between(field, *pair), _fields, _bounds),
    st.builds(filters.Exists, _fields),
)

objects = st.none() | st.dictionaries(_keys, _values, max_size=3)
wheres = st.recursive(
    _conditions,
    lambda inner: (
        st.builds(filters.Not, inner)
        | st.builds(filters.And, st.lists(inner, min_size=1, max_size=3))
        | st.builds(filters.Or, st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=4,
)
