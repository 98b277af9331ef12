"""The operator's ports with their bounds (`ports`), and what the admin port (`admin_api`) shows of the running operator
(`operator_view`), of each gateway (`instance_shapes`) and of all of them together (`fleet_shape`).
"""
