"""Imported before helpers.warm: should that hang, it ends and says where it was. Else the first test that asks for a
process would wait for ever."""

import faulthandler

faulthandler.dump_traceback_later(300, exit=True)
