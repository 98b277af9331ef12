from app.operator.routes.settings import CONTROLLER, CompileSettings


def test_a_gateway_is_reached_through_a_load_balancer_unless_said_otherwise():
    assert CompileSettings("tidegate") == CompileSettings("tidegate", CONTROLLER, "LoadBalancer")
