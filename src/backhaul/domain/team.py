"""Who works on what does not go by itself?"""

from enum import StrEnum


class Team(StrEnum):
    """Who owns a kind of trouble unless the profile says otherwise."""

    FINANCE = "finance"
    WAREHOUSE = "warehouse"
    CUSTOMER_SERVICE = "customer-service"
    INTEGRATION = "integration"
