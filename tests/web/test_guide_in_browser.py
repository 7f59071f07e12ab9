"""The first look around on the map page: five steps beside what they explain, left at once, not shown twice."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from web.test_planner_in_browser import ready

HOSPITALS = "/?service=hospital-drive&threshold=30min"
APART = """() => {
  const [a, b] = ['.guide', '.guide-ring'].map((each) => document.querySelector(each).getBoundingClientRect());
  const room = document.documentElement.clientWidth;
  const inside = a.left >= 0 && a.top >= 0 && a.right <= room && a.bottom <= window.innerHeight;
  const top = document.elementFromPoint((a.left + a.right) / 2, a.bottom - 4);
  return { apart: a.right <= b.left + 4 || a.left >= b.right - 4 || a.bottom <= b.top + 4 || a.top >= b.bottom - 4, inside, seen: Boolean(top && top.closest('.guide')) };
}"""


def step(page: Page, number: int) -> None:
    """Expect a step, in the window, in front of everything, beside what it speaks of."""
    expect(page.locator(".guide-count")).to_have_text(f"第 {number} 步，共 5 步")
    assert page.evaluate(APART) == {"apart": True, "inside": True, "seen": True}, f"step {number}"


@pytest.mark.parametrize("size", [(1280, 720), *(pytest.param(size, marks=pytest.mark.slow) for size in ((820, 1180), (390, 800)))], ids=str)
def test_a_first_visit_is_shown_around_and_the_second_is_not(open_page, demo_server: str, size: tuple[int, int]):
    """Focus stays where it was; every step stands clear of its subject; it does not come again but by its button."""
    page = ready(open_page(demo_server, HOSPITALS, first_visit=True, viewport={"width": size[0], "height": size[1]}))
    guide, opener = page.locator(".guide"), page.locator("#guide-open")
    expect(guide).to_be_visible()
    assert page.evaluate("document.activeElement === document.body"), "who did not ask keeps the focus"
    for number in range(1, 6):
        step(page, number)
        page.locator(".guide-next").click()
    expect(guide).to_have_count(0)
    page.reload()
    ready(page)
    expect(guide).to_have_count(0)
    opener.press("Enter")
    expect(guide).to_be_focused()
    expect(page.get_by_role("dialog", name="先选服务")).to_be_visible()
    page.keyboard.press("Escape")
    expect(guide).to_have_count(0)
    expect(opener).to_be_focused()


def test_where_nothing_can_be_stored_the_page_works(open_page, demo_server: str):
    """A browser that blocks storage shows the guide, 跳过 leaves it, and nothing breaks."""
    page = open_page(demo_server, "/about", first_visit=True)
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('blocked', 'SecurityError'); } })")
    page.goto(demo_server + HOSPITALS)
    ready(page)
    page.locator(".guide-skip").click()
    expect(page.locator(".guide")).to_have_count(0)
