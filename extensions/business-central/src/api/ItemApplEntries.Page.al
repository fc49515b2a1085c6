page 50121 "BH API Item Appl. Entries"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'itemApplicationEntry';
    EntitySetName = 'itemApplicationEntries';
    SourceTable = "Item Application Entry";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(entryNumber; Rec."Entry No.") { }
                field(itemLedgerEntryNumber; Rec."Item Ledger Entry No.") { }
                field(outboundItemEntryNumber; Rec."Outbound Item Entry No.") { }
                field(quantity; Rec.Quantity) { }
                field(postingDate; Rec."Posting Date") { }
            }
        }
    }
}
