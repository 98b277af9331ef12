from tests.bench.live_fleet import working_sets_of
from tests.bench.operator_scale import usage_of

KUBELET = """\
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{container="operator",namespace="shop",pod="operator-1"} 1.048576e+08 1700000000000
container_memory_working_set_bytes{container="gateway",namespace="shop",pod="edge-1"} 5.24288e+07 1700000000000
container_memory_working_set_bytes{container="beside",namespace="shop",pod="edge-1"} 1048576 1700000000000
container_memory_working_set_bytes{container="gateway",namespace="other",pod="edge-9"} 5.24288e+07 1700000000000
pod_memory_working_set_bytes{namespace="shop",pod="edge-1"} 9.9e+07 1700000000000
node_memory_working_set_bytes 9.9e+09 1700000000000
"""


def test_what_proc_says_of_a_process_is_read_whatever_its_name():
    stat = "1 (tide) gate) S 0 1 1 0 -1 4194560 9 9 0 0 1234 66 0 0 20 0 4 0 99 163840 25600"
    assert usage_of(stat, "40000 25600 4096 1 0 30000 0") == (13.0, 100.0)


def test_working_sets_are_those_of_a_pods_containers():
    assert working_sets_of(KUBELET, "shop") == {"operator-1": 100.0, "edge-1": 51.0}
