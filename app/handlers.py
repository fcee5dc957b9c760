"""Every handler of the service's own routes: the resources of the API, and the pages."""

from app.console.assets import AssetsController
from app.console.browser.controller import BrowserController
from app.console.controller import ConsoleController
from app.console.login import LoginController
from app.controllers.admin import AdminController
from app.controllers.admin_changes import AdminChangesController
from app.controllers.admin_journal import AdminJournalController
from app.controllers.batches import BatchesController
from app.controllers.changes import ChangesController
from app.controllers.docs import DocsController
from app.controllers.erasures import AdminErasuresController, ErasuresController
from app.controllers.feed import FeedController
from app.controllers.guide import GuideController
from app.controllers.health import HealthController
from app.controllers.history import HistoryController
from app.controllers.keys import KeysController
from app.controllers.lists import ListsController
from app.controllers.memories import MemoriesController
from app.controllers.mode import ModeController
from app.controllers.order import OrderController
from app.controllers.portable import PortableController
from app.controllers.quarantines import QuarantinesController
from app.controllers.retention import RetentionController
from app.controllers.stores import StoresController
from app.controllers.usage import UsageController
from app.controllers.users import NamedUserController, UsersController

_OPERATORS = (
    AdminController,
    AdminChangesController,
    AdminErasuresController,
    AdminJournalController,
    ModeController,
    NamedUserController,
    OrderController,
    QuarantinesController,
    RetentionController,
    StoresController,
    UsageController,
    UsersController,
)
RESOURCES = (
    MemoriesController,
    KeysController,
    ListsController,
    BatchesController,
    ChangesController,
    FeedController,
    HistoryController,
    PortableController,
    ErasuresController,
    *_OPERATORS,
)
PAGES = (
    HealthController,
    DocsController,
    GuideController,
    ConsoleController,
    BrowserController,
    LoginController,
    AssetsController,
)
