"""How a page is looked at: on a desk and on a phone, in light and in dark."""

PHONE = {"width": 390, "height": 844}
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
    "dark-phone": {"viewport": PHONE, "color_scheme": "dark"},
}
