"""Places for learners: so many, and the others in the order in which they came."""

from fwdwidgets.serve.places import PATIENCE_SECONDS, Places, places_here


class Class:
    def __init__(self, count):
        self.kernels, self.now = 0, 0.0
        self.places = Places(count, lambda: self.kernels, lambda: self.now)

    def enter(self, ticket=None):
        ticket, before = self.places.ask(ticket)
        if before < 0:
            self.kernels += 1
            self.places.opened()
        return ticket, before


def test_so_many_come_in_and_the_next_one_waits():
    lesson = Class(2)
    assert [lesson.enter()[1] for _ in range(2)] == [-1, -1]
    assert lesson.enter()[1] == 0
    assert lesson.enter()[1] == 1
    assert (lesson.places.waiting, lesson.places.free) == (2, 0)


def test_who_came_first_is_let_in_first():
    lesson = Class(1)
    lesson.enter()
    first, second = lesson.enter()[0], lesson.enter()[0]
    lesson.kernels -= 1
    assert lesson.enter(second) == (second, 1)
    assert lesson.enter()[1] == 2  # who comes new does not overtake
    assert lesson.enter(first) == (first, -1)
    assert lesson.enter(second) == (second, 0)


def test_who_left_the_queue_holds_up_nobody():
    lesson = Class(1)
    lesson.enter()
    lesson.enter()
    lesson.now = PATIENCE_SECONDS / 2
    second = lesson.enter()[0]
    lesson.now = PATIENCE_SECONDS + 1
    assert lesson.enter(second) == (second, 0)


def test_a_page_that_opens_has_its_place_before_there_is_a_kernel():
    lesson = Class(1)
    assert lesson.places.ask(None)[1] == -1
    assert lesson.places.ask(None)[1] == 0


def test_a_ticket_of_somebody_s_own_making_gives_nothing():
    lesson = Class(1)
    lesson.enter()
    assert lesson.enter("mine")[0] != "mine"
    assert lesson.enter("mine")[1] == 1


def test_this_machine_holds_at_least_one_learner():
    assert places_here() >= 1
